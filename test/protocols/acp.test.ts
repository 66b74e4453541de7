import { acp } from '../../src/protocols/protocol-index.ts';
import { protocolContract } from '../contracts/protocol.ts';
import { FakeAcpAgent } from '../fakes/acp-agent.ts';

const garbage = [
  '{}',
  '{"method":"session/update"}',
  '{"jsonrpc":"1.0","method":"session/update"}',
  '{"jsonrpc":"2.0"}',
  '{"jsonrpc":"2.0","method":7}',
  '{"jsonrpc":"2.0","id":{},"method":"x"}',
  '{"jsonrpc":"2.0","id":true,"result":{}}',
  '{"jsonrpc":"2.0","result":{}}',
  '{"jsonrpc":"2.0","id":"turn/m1/1"}',
  '{"jsonrpc":"2.0","id":"turn/m1/1","error":"no object"}',
  '[{"jsonrpc":"2.0","id":"turn/m1/1","result":{}}]',
];

protocolContract({ protocol: acp, agent: () => new FakeAcpAgent(), garbage });
