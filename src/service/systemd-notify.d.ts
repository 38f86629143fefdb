/** npm `systemd-notify` 1.0.0 has no types of its own. */
declare module "systemd-notify" {
  export default function notify(options: {
    readonly ready?: boolean;
    readonly pid?: number;
    readonly status?: string;
    readonly booted?: boolean;
  }): Promise<unknown>;
}
