/** What an Agent or Instance does now. */
export interface State {
  phase: string;
  /** Why, in one word. */
  reason?: string | undefined;
  /** Why, and what to do. */
  message?: string | undefined;
}

export const stateOf = ({ phase = 'Pending', reason, message }: Partial<State>): State => ({
  phase,
  reason: reason === phase ? undefined : reason,
  message: message === '' ? undefined : message,
});
