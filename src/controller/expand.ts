/**
 * `$(NAME)` is the value of a variable, and stays as it is where there is none; `$$` is one `$`, so `$$(NAME)` is `$(NAME)`.
 * As Kubernetes does it in command, args and the values of env (third_party/forked/golang/expansion).
 */
export const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replace(/\$(?:\(([^)]*)\)|(.))/gsu, (whole, name: string | undefined, next: string | undefined) => {
    if (name !== undefined) return Object.hasOwn(variables, name) ? (variables[name] ?? whole) : whole;
    return next === '$' ? '$' : whole;
  });
