/** Memory that the C library reads or writes when `node:ffi` calls it. */

/** Its numbers are in the machine's byte order: the argument of DataView's methods. */
export const IS_LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Just these bytes, whatever else stands in their buffer. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
