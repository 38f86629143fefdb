import { generateIdentity } from "./certificate.ts";
import { type Identity, identityPem, parseIdentityPem } from "./identity.ts";
import { createPrivateFile, fileError, type PrivateFile, readPrivateFile } from "./private-file.ts";

/** Ours has about 450 bytes. */
const MAX_BYTES = 16_384;

/**
 * The identity in the file at `path`, which is made when there is none. Whoever makes it at the same moment, all end
 * with one identity. A file that is there is never written to, whatever is wrong with it.
 *
 * Errors: {@link SystemError} saying what to do, with the code EDAMAGED (truncated, garbage, another kind of key) or
 * one of {@link readPrivateFile} and {@link createPrivateFile}.
 */
export async function openIdentity(path: string): Promise<Identity> {
  const existing = readIdentity(path);
  if (existing !== undefined) return existing;
  const file = identityFile(path);
  const made = await generateIdentity();
  if (createPrivateFile(file, identityPem(made.privateKey, made.certificate))) return made;
  const others = readIdentity(path);
  if (others === undefined) throw fileError(file, "ENOENT", "it came and went", "start again");
  return others;
}

/** The same without making one: undefined when there is no file. */
export function readIdentity(path: string): Identity | undefined {
  const file = identityFile(path);
  const text = readPrivateFile(file);
  if (text === undefined) return undefined;
  const parsed = parseIdentityPem(text);
  if (!("fault" in parsed)) return parsed;
  const fix = "put a copy back, or move it away for a new identity, which everybody will have to accept anew";
  throw fileError(file, "EDAMAGED", parsed.fault, fix);
}

function identityFile(path: string): PrivateFile {
  return { path, what: "the identity file", maxBytes: MAX_BYTES };
}
