/** docs/commands.md: the help of every command, from the golden file that the tests hold the command line to. */

const introduction = `<!-- Written by \`make generate\` from the help of the commands. Do not edit. -->
# Commands

This page has the help of every command. \`agentctl COMMAND --help\` shows the same in the terminal.
`;

export function generateCommands(golden: string): string {
  const pages = golden
    .split(/^\$ agentctl /m)
    .slice(1)
    .map((page) => {
      const end = page.indexOf('\n');
      return { command: page.slice(0, end).replace(/ ?--help$/, ''), text: page.slice(end + 1).trim() };
    });
  const sections = pages.map(({ command, text }) => {
    const level = command.includes(' ') && !command.startsWith('help ') ? '###' : '##';
    return `${level} ${command === '' ? 'agentctl' : `agentctl ${command}`}\n\n\`\`\`text\n${text}\n\`\`\``;
  });
  return `${introduction}\n${sections.join('\n\n')}\n`;
}
