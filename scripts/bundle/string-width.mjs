// For the bundled view: string-width, which remembers what it counted. Its result depends on the text alone as ink calls
// it; most rows of a frame are those of the frame before.
import stringWidth from "../../node_modules/string-width/index.js";

const MAX_KNOWN = 16_384;
const known = new Map();

export default function remembered(text, options) {
  if (options !== undefined || typeof text !== "string") return stringWidth(text, options);
  let width = known.get(text);
  if (width === undefined) {
    width = stringWidth(text);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, width);
  }
  return width;
}
