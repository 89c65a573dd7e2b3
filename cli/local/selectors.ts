/** Label selectors in their text form, as list and watch requests carry them. */

type Labels = Record<string, string>;
type Requirement = (labels: Labels) => boolean;

function requirement(text: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => {
      const value = labels[key];
      return operator === 'in'
        ? value !== undefined && values.includes(value)
        : value === undefined || !values.includes(value);
    };
  }
  const different = /^([^!=\s]+)\s*!=\s*(\S*)$/.exec(text);
  if (different !== null) return (labels) => labels[different[1] ?? ''] !== different[2];
  const equal = /^([^!=\s]+)\s*==?\s*(\S*)$/.exec(text);
  if (equal !== null) return (labels) => labels[equal[1] ?? ''] === equal[2];
  if (text.startsWith('!')) return (labels) => !(text.slice(1).trim() in labels);
  return (labels) => text in labels;
}

/** A predicate for `a=b,c!=d,e in (f,g),h,!i`; an empty selector matches everything. */
export function labelMatcher(selector: string | undefined): (labels: Labels | undefined) => boolean {
  const parts = (selector ?? '').split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements = parts.filter((part) => part !== '').map(requirement);
  return (labels) => requirements.every((holds) => holds(labels ?? {}));
}

/** The text form of `matchLabels`. */
export function selectorText(matchLabels: Labels): string {
  return Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
