import type { ReadStream, WriteStream } from "node:tty";
import { Box, type Instance, render, Text, useCursor } from "ink";
import { memo } from "react";

/** What is on the screen, by ink. Everything is decided before: the rows come as they are to be written. */

export interface ScreenView {
  show(rows: readonly string[], cursor: { readonly x: number; readonly y: number }): void;
  /** What is on the screen is not what was drawn: the next frame is drawn whole. */
  forget(): void;
  close(): void;
}

const Line = memo(({ text }: { readonly text: string }) => (
  <Text wrap="truncate">{text === "" ? " " : text}</Text>
));

function Screen({
  rows,
  x,
  y,
}: {
  readonly rows: readonly string[];
  readonly x: number;
  readonly y: number;
}) {
  const { setCursorPosition } = useCursor();
  setCursorPosition({ x, y });
  return (
    <Box flexDirection="column">
      {rows.map((text, index) => (
        // A row is its place on the screen.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Line key={index} text={text} />
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
