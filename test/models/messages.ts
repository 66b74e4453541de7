import { spoken } from './script.ts';
import { type Answer, type Event, list, schema, text, textOf, type Usage, type Wire } from './wire.ts';

/** Anthropic's messages. */
export const messages: Wire = {
  read: (path, asked) => {
    if (!path.endsWith('/messages')) return;
    const turns = list(asked.messages);
    const of = (role: string) =>
      turns
        .filter((turn) => turn.role === role)
        .map(({ content }) => textOf(content))
        .filter((said) => said !== '');
    const last = turns.findLast(({ role }) => role === 'user');
    const result = list(last?.content).find(({ type }) => type === 'tool_result');
    return {
      model: text(asked.model),
      system: [textOf(asked.system), ...of('system')].join('\n'),
      said: of('user'),
      ...(result !== undefined && { result: textOf(result.content) }),
      tools: list(asked.tools).map(({ name, input_schema }) => ({
        name: text(name),
        takes: schema(input_schema),
      })),
      streamed: asked.stream === true,
      silent: false,
    };
  },
  whole: ({ model }, answer, used) => ({
    ...head(model),
    content: [
      'say' in answer
        ? { type: 'text', text: answer.say.join('') }
        : { ...toolUse(answer), input: answer.input },
    ],
    stop_reason: reason(answer),
    usage: usage(used),
  }),
  async *events({ model }, answer, used): AsyncGenerator<Event> {
    const event = (type: string, rest: object = {}): Event => ({ event: type, data: { type, ...rest } });
    const delta = (change: object) => event('content_block_delta', { index: 0, delta: change });
    yield event('message_start', {
      message: { ...head(model), content: [], stop_reason: null, usage: usage({ ...used, output: 1 }) },
    });
    if ('say' in answer) {
      yield event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
      for await (const said of spoken(answer)) yield delta({ type: 'text_delta', text: said });
    } else {
      yield event('content_block_start', { index: 0, content_block: { ...toolUse(answer), input: {} } });
      yield delta({ type: 'input_json_delta', partial_json: JSON.stringify(answer.input) });
    }
    yield event('content_block_stop', { index: 0 });
    yield event('message_delta', {
      delta: { stop_reason: reason(answer), stop_sequence: null },
      usage: usage(used),
    });
    yield event('message_stop');
  },
};

let made = 0;
const head = (model: string): object => ({
  id: `msg_${++made}`,
  type: 'message',
  role: 'assistant',
  model,
  stop_sequence: null,
});
const toolUse = ({ call }: Extract<Answer, { call: string }>): object => ({
  type: 'tool_use',
  id: `toolu_${++made}`,
  name: call,
});
const reason = (answer: Answer): string => ('say' in answer ? 'end_turn' : 'tool_use');
const usage = ({ input, output }: Usage): object => ({ input_tokens: input, output_tokens: output });
