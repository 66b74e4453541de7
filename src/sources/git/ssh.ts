/** The options of ssh (ssh_config(5)) for one repository: the key and the hosts of the Secret, and nothing else. */
export function sshConfig(files: { identity: string; hosts: string }): string {
  const options = {
    // Nothing is asked, and nobody else's keys are offered.
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    IdentityFile: path(files.identity),
    PreferredAuthentications: 'publickey',
    // Only the hosts that the Secret knows.
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: path(files.hosts),
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    CanonicalizeHostname: 'no',
    // No other connections, and no other programs.
    ProxyCommand: 'none',
    PermitLocalCommand: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    // It ends by itself where the controller has died, or the host does not answer.
    ConnectTimeout: '30',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '2',
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name} ${value}\n`);
  return `Host *\n${lines.join('')}`;
}

/** A percent sign would begin one of ssh's tokens. */
const path = (text: string): string => `"${text.replaceAll('%', '%%')}"`;
