/** A word for ExecStart=, where systemd expands %, $ and quotes (systemd.service(5), "Command lines"). */
export const quoted = (word: string): string =>
  `"${word
    .replace(/["\\]/g, (character) => `\\${character}`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')}"`;

/**
 * Agents on `process` inherit all of it, so it holds only what they can do without:
 *
 * - ProtectSystem=full or strict, PrivateTmp and the like would make /etc and more read-only, or /tmp another folder, for
 *   agents too. What is mounted over parts of /proc and /sys (ProtectKernelTunables, -Logs, ProtectControlGroups) makes the
 *   kernel refuse a /proc to agents' own sandboxes and rootless containers.
 * - ProtectClock closes devices such as GPUs. ProtectHostname, LockPersonality, RestrictSUIDSGID and
 *   SystemCallArchitectures forbid what nested containers, debuggers, package managers and 32-bit programs call.
 * - In a user's own manager each filter of system calls implies NoNewPrivileges, which ends rootless Podman and sudo;
 *   ProtectSystem would need user namespaces there.
 */
export function unitText(command: readonly string[], system: boolean): string {
  return `[Unit]
Description=agentctl controller
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=1
# Stopping the controller does not stop its agents.
KillMode=process
# The controller holds a few files open for each agent; agents have the usual limit.
LimitNOFILE=524288
Environment=AGENTCTL_FILES=1024
# The controller makes a cgroup for each run of a process.
Delegate=yes
TimeoutStopSec=60
# Only this user can read the store, the socket and the logs. Agents have the umask 022.
UMask=0077
# Core dumps can hold Secrets. Agents inherit the limit; raise it with systemctl edit to debug them.
LimitCORE=0
${system ? systemOnly : ''}
[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`;
}

const systemOnly = `# An agent that runs as another user cannot become root through sudo or another setuid program.
NoNewPrivileges=yes
# An agent that runs as root cannot load kernel modules, read ports or physical memory, set the clock, or reboot.
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_BOOT
# No agent can take real-time priority over all other programs.
RestrictRealtime=yes
# An agent that runs as root cannot replace programs of the system: /usr and /boot are read-only.
ProtectSystem=yes
# The kernel's keyring is not shared with sessions of root.
KeyringMode=private
`;
