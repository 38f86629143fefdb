import { MisuseError } from "../base/errors.ts";
import type { LivenessLimits, SctpSettings } from "./api.ts";

/** The limits as they are, or {@link MisuseError}. */
export function checkLimits<Limits extends LivenessLimits>(limits: Limits): Limits {
  const { heartbeatMillis, lostAfterMillis } = limits;
  if (!(heartbeatMillis >= 10)) throw new MisuseError("heartbeatMillis must be at least 10");
  if (!(lostAfterMillis >= 2 * heartbeatMillis)) {
    throw new MisuseError("lostAfterMillis must be at least twice heartbeatMillis");
  }
  return limits;
}

/** The settings as they are, or {@link MisuseError}. */
export function checkSettings(settings: SctpSettings): SctpSettings {
  const { maxMessageBytes, maxHeldBytes } = settings;
  if (!(maxMessageBytes >= 1 && maxMessageBytes <= 65_536)) {
    throw new MisuseError("maxMessageBytes must be 1 to 65,536");
  }
  if (!(maxHeldBytes >= 2 * maxMessageBytes)) {
    throw new MisuseError("maxHeldBytes must have room for two messages");
  }
  return checkLimits(settings);
}
