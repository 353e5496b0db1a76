// "unet", "U-Net" and "up-sampling" are asked for as the index has them: with a hyphen that parts no words, and in one word.
// What the index has is written by docs/hooks/search_words.py.
const QUERY = 2;
const whole = (words) => words.replace(/\b(u|up|down)[\s-]?(net\b|sampl\w*)/gi, "$1\u2011$2 $1$2");
const asked = (message) => (message?.type === QUERY ? { ...message, data: whole(message.data) } : message);

// Search from the disk: browsers start no worker from file://, so that a hidden frame takes its place there.
if (location.protocol === "file:") {
  // By the name IFrameWorker the theme's script knows that it runs in a frame, and where the files of the search lie.
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inner = this.frame.contentWindow;
      this.ready = new Promise((resolve) => {
        this.listen = (event) => {
          if (event.source !== this.inner) return;
          if (event.data === "worker is ready") return resolve();
          const message = new MessageEvent("message", { data: event.data });
          this.dispatchEvent(message);
          this.onmessage?.(message);
        };
      });
      window.addEventListener("message", this.listen);
      const script = (text) => `<script>${text}<\/script>`;
      const imports = "importScripts = (...urls) => Promise.all(urls.map((url) => new Promise((resolve, reject) => {" +
        "const part = document.createElement('script'); part.src = url; part.async = false; part.onload = resolve; part.onerror = reject;" +
        "document.body.append(part); })));";
      this.inner.document.open();
      this.inner.document.write(
        "<!doctype html><body>",
        script(`postMessage = (data) => parent.postMessage(data, "*"); ${imports}`),
        `<script src="${url}"><\/script>`,
        script('postMessage("worker is ready")'),
      );
      this.inner.document.close();
    }
    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data: asked(data) })));
    }
    terminate() {
      window.removeEventListener("message", this.listen);
      this.frame.remove();
    }
  };
} else {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...others) {
    post.call(this, asked(message), ...others);
  };
}
