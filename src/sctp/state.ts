/**
 * The states of an association and every transition between them (RFC 9260 §4, figure 3). Nothing else changes a
 * state. An event that a state does not know is not an error here: the RFC has such chunks discarded.
 */

export type State =
  /** INIT sent; T1-init runs. `sendings` counts the INITs. */
  | { readonly name: "cookie-wait"; readonly sendings: number }
  /** COOKIE ECHO sent; T1-cookie runs. */
  | { readonly name: "cookie-echoed"; readonly sendings: number; readonly cookie: Uint8Array }
  | { readonly name: "established" }
  /** We want to close and still have unacknowledged data. */
  | { readonly name: "shutdown-pending" }
  /** SHUTDOWN sent; T2-shutdown runs. */
  | { readonly name: "shutdown-sent"; readonly sendings: number }
  /** The peer wants to close and we still have unacknowledged data. */
  | { readonly name: "shutdown-received" }
  /** SHUTDOWN ACK sent; T2-shutdown runs. */
  | { readonly name: "shutdown-ack-sent"; readonly sendings: number }
  | { readonly name: "closed" };

export type Transition =
  | { readonly type: "init-ack"; readonly cookie: Uint8Array }
  | { readonly type: "cookie-ack" }
  /** A COOKIE ECHO of ours came back valid: a collision of INITs, or a lost COOKIE ACK (§5.2.4 B, D). */
  | { readonly type: "cookie-echo" }
  /** The peer started anew (§5.2.4 A). */
  | { readonly type: "restart" }
  | { readonly type: "close" }
  | { readonly type: "shutdown" }
  /** All our data are acknowledged. */
  | { readonly type: "drained" }
  | { readonly type: "shutdown-ack" }
  | { readonly type: "shutdown-complete" }
  /** The peer still sends. */
  | { readonly type: "data" }
  /** T1 or T2 expired and the last chunk goes out again. */
  | { readonly type: "sent-again" }
  | { readonly type: "end" };

const ESTABLISHED: State = { name: "established" };
const CLOSED: State = { name: "closed" };
const SHUTDOWN_ACK_SENT: State = { name: "shutdown-ack-sent", sendings: 1 };

/** The state after `transition`, or undefined when it means nothing in `state`. */
export function next(state: State, transition: Transition): State | undefined {
  if (transition.type === "end") return CLOSED;
  switch (state.name) {
    case "cookie-wait":
      if (transition.type === "init-ack") {
        return { name: "cookie-echoed", sendings: 1, cookie: transition.cookie };
      }
      if (transition.type === "cookie-echo") return ESTABLISHED;
      return sentAgain(state, transition);
    case "cookie-echoed":
      if (transition.type === "cookie-ack" || transition.type === "cookie-echo") return ESTABLISHED;
      return sentAgain(state, transition);
    case "established":
      if (transition.type === "close") return { name: "shutdown-pending" };
      if (transition.type === "shutdown") return { name: "shutdown-received" };
      return restarted(transition);
    case "shutdown-pending":
      if (transition.type === "drained") return { name: "shutdown-sent", sendings: 1 };
      if (transition.type === "shutdown") return { name: "shutdown-received" };
      return restarted(transition);
    case "shutdown-sent":
      // §9.2: SHUTDOWNs that cross are both answered.
      if (transition.type === "shutdown") return SHUTDOWN_ACK_SENT;
      if (transition.type === "shutdown-ack") return CLOSED;
      if (transition.type === "data") return { name: "shutdown-sent", sendings: 1 };
      return sentAgain(state, transition) ?? restarted(transition);
    case "shutdown-received":
      if (transition.type === "drained") return SHUTDOWN_ACK_SENT;
      return restarted(transition);
    case "shutdown-ack-sent":
      if (transition.type === "shutdown-ack" || transition.type === "shutdown-complete") return CLOSED;
      return sentAgain(state, transition);
    case "closed":
      return undefined;
  }
}

function restarted(transition: Transition): State | undefined {
  return transition.type === "restart" ? ESTABLISHED : undefined;
}

function sentAgain<S extends State & { readonly sendings: number }>(
  state: S,
  transition: Transition,
): S | undefined {
  return transition.type === "sent-again" ? { ...state, sendings: state.sendings + 1 } : undefined;
}

/** Where our DATA and retransmissions may leave (§6). */
export function maySend(state: State): boolean {
  return (
    state.name === "established" || state.name === "shutdown-pending" || state.name === "shutdown-received"
  );
}

/** Where DATA is taken (§6); in any other state it is discarded. */
export function mayReceive(state: State): boolean {
  return state.name === "established" || state.name === "shutdown-pending" || state.name === "shutdown-sent";
}

/** Both sides know each other: heartbeats run until a SHUTDOWN of ours is under T2. */
export function isSupervised(state: State): boolean {
  return maySend(state);
}

/** It has sent its SHUTDOWN: all that it still says is its farewell. */
export function isPeerLeaving(state: State): boolean {
  return state.name === "shutdown-received" || state.name === "shutdown-ack-sent";
}

/** The peer has not answered our INIT or our COOKIE ECHO yet. */
export function isSettingUp(state: State): boolean {
  return state.name === "cookie-wait" || state.name === "cookie-echoed";
}
