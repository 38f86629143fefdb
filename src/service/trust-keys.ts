import type { Clock, Millis } from "../base/clock.ts";
import { applyPinChange, type ChooseChanges, type TrustedChange } from "../chat/trust.ts";
import { PresenceLink } from "../control/chat-client.ts";
import { ControlError } from "../control/errors.ts";
import { ConnectionError } from "../control/request-client.ts";
import type { PinFile } from "../io/pin-file.ts";

export interface TrustKeysOptions {
  readonly pins: PinFile;
  readonly socketPath: string;
  readonly version: string;
  readonly clock: Clock;
}

/** A holder that is stopped keeps nobody from the keys for long. */
const ANSWER_MILLIS: Millis = 3_000;

/**
 * Changes the user's trusted keys: by the program that holds the presence, so that it acts on them at once and its faces show
 * them, or in the files, where nobody holds it or it is one of another version. Errors: as of {@link PinFile.update}.
 */
export async function changeTrustedKeys(options: TrustKeysOptions, choose: ChooseChanges): Promise<void> {
  if (await changedByHolder(options, choose)) return;
  options.pins.update((pins) => choose(pins).reduce(applyPinChange, pins));
}

/** False: there is none that can. */
async function changedByHolder(options: TrustKeysOptions, choose: ChooseChanges): Promise<boolean> {
  const { socketPath: path, version, clock } = options;
  const ignore = (): void => {};
  try {
    const told = { onNotice: ignore, onClosed: ignore, deadlineMillis: ANSWER_MILLIS };
    const link = await PresenceLink.attach({ path, version, clock, ...told });
    try {
      for (const change of choose(link.pins)) await ask(link, change);
      return true;
    } finally {
      link.close();
    }
  } catch (error) {
    // What it did before it ended is in the files, and is found there.
    if (error instanceof ConnectionError) return false;
    if (error instanceof ControlError && error.code === "other-version") return false;
    throw error;
  }
}

async function ask(link: PresenceLink, change: TrustedChange): Promise<void> {
  switch (change.type) {
    case "accept":
      await link.request("accept", { subject: change.subject, fingerprint: change.fingerprint });
      return;
    case "forget":
      await link.request("forget", { subject: change.subject });
      return;
    case "restrict":
      await link.request("restrict", { who: change.who, level: change.level });
  }
}
