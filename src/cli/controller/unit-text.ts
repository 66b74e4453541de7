/** A word for ExecStart=, where systemd expands %, $ and quotes (systemd.service(5), "Command lines"). */
export const quoted = (word: string): string =>
  `"${word
    .replace(/["\\]/g, (character) => `\\${character}`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')}"`;

/** KillMode=process: the end of the controller must not end its agents. */
export function unitText(command: readonly string[], system: boolean): string {
  return `[Unit]
Description=agentctl controller
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=1
KillMode=process
TimeoutStopSec=60

[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}
