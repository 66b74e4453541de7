/** Amounts as Kubernetes writes them, as far as schemas/ allows them. Both throw RangeError: call them on valid objects. */
const factors: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** Bytes: `512Mi` is 536870912, `2G` is 2000000000. */
export function parseMemory(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(text);
  const factor = factors[match?.[2] ?? ''];
  if (match === null || factor === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not an amount of memory, such as 512Mi or 2G`);
  return Math.ceil(Number(match[1]) * factor);
}

/** Cores: `500m` is 0.5. */
export function parseCpu(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(m?)$/.exec(text);
  if (match === null)
    throw new RangeError(`${JSON.stringify(text)} is not an amount of CPU, such as 2, 0.5 or 500m`);
  return Number(match[1]) / (match[2] === 'm' ? 1000 : 1);
}
