/** Takes standard output out of the engine's frames (Engine API, "Stream format"), as it comes, without copying. */
export function createDemux(): (chunk: Buffer) => Buffer[] {
  const header = Buffer.alloc(8);
  let headerBytes = 0;
  /** What is still to come of the frame that is being read. */
  let left = 0;

  return (chunk) => {
    const output: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        const took = chunk.copy(header, headerBytes, at);
        headerBytes += took;
        at += took;
        if (headerBytes < 8) break;
        headerBytes = 0;
        left = header.readUInt32BE(4);
      } else {
        const piece = chunk.subarray(at, at + left);
        left -= piece.length;
        at += piece.length;
        if (header[0] === 1) output.push(piece);
      }
    }
    return output;
  };
}
