import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Connections, listen } from '../../src/controller/mcp-http.ts';

let server: Awaited<ReturnType<typeof listen>>;
let sockets: Socket[];
beforeEach(async () => {
  sockets = [];
  const connections = new Connections(3);
  server = await listen('127.0.0.1', 0, connections, (request, response) => {
    connections.mark(request.socket, request.headers.authorization === 'right');
    response.end();
  });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
});

/** A connection that the server has accepted. */
async function open(): Promise<Socket> {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const accepted = once(server, 'connection');
  const socket = connect(port, '127.0.0.1').on('error', () => {}); // as when it is dropped
  sockets.push(socket);
  await Promise.all([accepted, once(socket, 'connect')]);
  return socket;
}

async function ask(socket: Socket, authorization: string): Promise<void> {
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toContain('HTTP/1.1 200');
}

const closed = (socket: Socket): Promise<unknown> => once(socket.resume(), 'close');

test('one connection too many replaces the oldest without a valid token', async () => {
  const [proven, first, second] = [await open(), await open(), await open()];
  await ask(proven, 'right');
  await ask(second, 'wrong');
  const dropped = closed(first);
  const third = await open();
  await dropped;
  await ask(proven, 'right');
  await ask(second, 'wrong');
  await ask(third, 'right');
});

test('a connection whose last request had no valid token counts as one without', async () => {
  const [former] = [await open(), await open(), await open()];
  await ask(former, 'right');
  const dropped = closed(sockets[1] ?? former);
  await open();
  await dropped;
  await ask(former, 'wrong');
  const last = closed(former);
  for (let more = 0; more < 3; more += 1) await open();
  await last;
});

test('where each connection has a valid token, the new one is dropped', async () => {
  const all = [await open(), await open(), await open()];
  for (const socket of all) await ask(socket, 'right');
  await closed(await open());
  for (const socket of all) await ask(socket, 'right');
});
