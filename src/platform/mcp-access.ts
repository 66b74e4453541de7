/** Environment variables with which `agentctl mcp` acts for one run of an agent instead of for the user. */
export const mcpAccess = { url: 'AGENTCTL_MCP_URL', token: 'AGENTCTL_MCP_TOKEN' } as const;
