import { spoken } from './script.ts';
import {
  type Answer,
  body,
  type Event,
  list,
  type Request,
  schema,
  type Tool,
  text,
  textOf,
  type Usage,
  type Wire,
} from './wire.ts';

/** OpenAI's responses. */
export const responses: Wire = {
  read: (path, asked) => {
    if (!path.endsWith('/responses')) return;
    const items =
      typeof asked.input === 'string' ? [{ role: 'user', content: asked.input }] : list(asked.input);
    const of = (...roles: string[]) =>
      items.filter(({ role }) => roles.includes(text(role))).map(({ content }) => textOf(content));
    const last = items.at(-1);
    const { type, schema: shape } = body(body(asked.text).format);
    return {
      model: text(asked.model),
      system: [text(asked.instructions), ...of('system', 'developer')].join('\n'),
      said: of('user'),
      ...(text(last?.type).endsWith('_call_output') && { result: textOf(last?.output) }),
      // What was found by a search stands among the items.
      tools: [...list(asked.tools), ...items.flatMap(({ tools }) => list(tools))].flatMap(toolsIn),
      searched: last?.type === 'tool_search_output',
      streamed: asked.stream === true,
      silent: false,
      ...(type === 'json_schema' && { shape: schema(shape) }),
    };
  },
  whole: (request, answer, used) => response(request, 'completed', [item(request, answer)], used),
  async *events(request, answer, used): AsyncGenerator<Event> {
    let sequence_number = 0;
    const event = (type: string, rest: object): Event => ({
      event: type,
      data: { type, sequence_number: sequence_number++, ...rest },
    });
    yield event('response.created', { response: response(request, 'in_progress', []) });
    const output = item(request, answer);
    const at = { item_id: output.id, output_index: 0 };
    if ('say' in answer) {
      const part = { ...at, content_index: 0 };
      yield event('response.output_item.added', {
        output_index: 0,
        item: { ...output, content: [], status: 'in_progress' },
      });
      yield event('response.content_part.added', { ...part, part: outputText('') });
      for await (const delta of spoken(answer)) yield event('response.output_text.delta', { ...part, delta });
      yield event('response.output_text.done', { ...part, text: answer.say.join('') });
      yield event('response.content_part.done', { ...part, part: outputText(answer.say.join('')) });
    } else {
      yield event('response.output_item.added', {
        output_index: 0,
        item: { ...output, status: 'in_progress' },
      });
    }
    yield event('response.output_item.done', { output_index: 0, item: output });
    yield event('response.completed', { response: response(request, 'completed', [output], used) });
  },
};

/** Some are in a namespace, and the name of that is before theirs. */
const toolsIn = ({ type, name, parameters, tools }: Record<string, unknown>): Tool[] => {
  if (type === 'namespace')
    return list(tools)
      .flatMap(toolsIn)
      .map((tool) => ({ ...tool, within: text(name) }));
  if (type === 'custom') return [{ name: text(name) }];
  if (type === 'tool_search') return [{ name: 'tool_search', takes: schema(parameters) }];
  return type === 'function' ? [{ name: text(name), takes: schema(parameters) }] : [];
};

let made = 0;
const outputText = (said: string): object => ({ type: 'output_text', text: said, annotations: [] });

function item({ tools }: Request, answer: Answer): { id: string } {
  made += 1;
  if ('say' in answer)
    return {
      id: `msg_${made}`,
      ...{
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [outputText(answer.say.join(''))],
      },
    };
  if (answer.call === 'tool_search')
    return {
      id: `tsc_${made}`,
      ...{ type: 'tool_search_call', call_id: `call_${made}`, execution: 'client', status: 'completed' },
      ...{ arguments: answer.input },
    };
  const { takes, within } = tools.find(({ name }) => name === answer.call) ?? {};
  const called = {
    name: answer.call,
    call_id: `call_${made}`,
    ...(within !== undefined && { namespace: within }),
  };
  return takes === undefined
    ? { id: `ctc_${made}`, ...called, ...{ type: 'custom_tool_call', input: answer.input } }
    : { id: `fc_${made}`, ...called, ...{ type: 'function_call', arguments: JSON.stringify(answer.input) } };
}

const response = ({ model }: Request, status: string, output: object[], used?: Usage): object => ({
  id: `resp_${made}`,
  object: 'response',
  created_at: 0,
  status,
  model,
  output,
  usage: used && {
    input_tokens: used.input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: used.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: used.input + used.output,
  },
});
