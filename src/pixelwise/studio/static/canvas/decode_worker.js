// Decodes PNG tiles whose values are numbers, not colours.
let canvas = null;
let context = null;

self.onmessage = async ({ data: { number, blob } }) => {
  try {
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const { width, height } = bitmap;
    if (!canvas) {
      canvas = new OffscreenCanvas(512, 512);
      context = canvas.getContext("2d", { willReadFrequently: true });
    }
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data: pixels } = context.getImageData(0, 0, width, height);
    self.postMessage({ number, width, height, pixels }, [pixels.buffer]);
  } catch (error) {
    self.postMessage({ number, failure: String(error) });
  }
};
