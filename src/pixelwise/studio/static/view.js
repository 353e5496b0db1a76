// The parts of preact and htm that the page uses, from one place.
import { h, render, Fragment } from "./vendor/preact/preact.js";
import { useEffect, useLayoutEffect, useRef, useState, useMemo } from "./vendor/preact/hooks.js";
import htm from "./vendor/htm/htm.js";

export const html = htm.bind(h);
export { render, Fragment, useEffect, useLayoutEffect, useRef, useState, useMemo };
