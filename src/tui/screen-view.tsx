import type { ReadStream, WriteStream } from "node:tty";
import { Box, type Instance, render, Text, useCursor } from "ink";
import { memo } from "react";
import type { Part } from "./screen-style.ts";

/** What is on the screen, by ink. Everything is decided before: the rows come as they are to be written. */

export interface ScreenView {
  show(rows: readonly (readonly Part[])[], cursor: { readonly x: number; readonly y: number }): void;
  /** What is on the screen is not what was drawn: the next frame is drawn whole. */
  forget(): void;
  close(): void;
}

const Placed = memo(({ x, text }: Part) => (
  <Box position="absolute" left={x}>
    <Text wrap="truncate">{text}</Text>
  </Box>
));

/** Where nothing stands there is still a row. */
const Line = memo(
  ({ parts }: { readonly parts: readonly Part[] }) => (
    <Box height={1}>
      {parts.map(({ x, text }, index) => (
        // Panes keep their order.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Placed key={index} x={x} text={text} />
      ))}
    </Box>
  ),
  (before, after) => isSame(before.parts, after.parts),
);

function isSame(some: readonly Part[], others: readonly Part[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ x, text }, index) => x === others[index]?.x && text === others[index].text)
  );
}

function Screen({
  rows,
  x,
  y,
}: {
  readonly rows: readonly (readonly Part[])[];
  readonly x: number;
  readonly y: number;
}) {
  const { setCursorPosition } = useCursor();
  setCursorPosition({ x, y });
  return (
    <Box flexDirection="column">
      {rows.map((parts, index) => (
        // A row is its place on the screen.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Line key={index} parts={parts} />
      ))}
    </Box>
  );
}

export function openView(streams: { input: ReadStream; output: WriteStream }): ScreenView {
  let instance: Instance | undefined;
  return {
    show: (rows, { x, y }) => {
      const screen = <Screen rows={rows} x={x} y={y} />;
      if (instance !== undefined) instance.rerender(screen);
      else
        instance = render(screen, {
          stdin: streams.input,
          stdout: streams.output,
          alternateScreen: true,
          interactive: true,
          incrementalRendering: true,
          // Keys are ours, and nothing else writes here.
          exitOnCtrlC: false,
          patchConsole: false,
          // A frame is drawn when something has changed, and waits for no other one.
          maxFps: 1_000,
        });
    },
    forget: () => instance?.clear(),
    close: () => instance?.unmount(),
  };
}
