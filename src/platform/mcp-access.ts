/** Variables by which `agentctl mcp` is the tools of one run of an agent, and not of the user who starts it. */
export const mcpAccess = { url: 'AGENTCTL_MCP_URL', token: 'AGENTCTL_MCP_TOKEN' } as const;
