let isUtc = false;

/** Sets --utc, for everything that is printed afterwards. */
export const showUtc = (utc: boolean): void => {
  isUtc = utc;
};

/** Formats a time for people: `2026-01-31 13:00:00 +01:00`, or `2026-01-31 12:00:00 UTC`. */
export function when(at: number): string {
  const offset = isUtc ? 0 : -new Date(at).getTimezoneOffset();
  const text = new Date(at + offset * 60_000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} ${offset === 0 ? 'UTC' : zone(offset)}`;
}

const zone = (minutes: number): string => {
  const [hour, minute] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${minutes < 0 ? '-' : '+'}${hour}:${minute}`;
};

/** Converts the UTC times in the controller's messages to local times. */
export const localTimes = (text: string): string =>
  text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC\b/g, (_, day, time) =>
    when(Date.parse(`${day}T${time}Z`)),
  );
