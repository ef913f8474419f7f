/** A chip and its source light each other up, on hover and on focus. */

/** Adds an element that stands for these sources, a chip or a row, to those that light up together. */
export type Light = (numbers: readonly number[], member: HTMLElement) => void;

export function highlight(): Light {
  const members = new Map<number, Set<HTMLElement>>();
  return (numbers, member) => {
    const groups = numbers.map((number) => {
      const group = members.get(number) ?? new Set();
      members.set(number, group.add(member));
      return group;
    });
    const light = (isLit: boolean) => () => {
      for (const group of groups) for (const each of group) each.classList.toggle("ragnb-lit", isLit);
    };
    for (const event of ["pointerenter", "focusin"]) member.addEventListener(event, light(true));
    for (const event of ["pointerleave", "focusout"]) member.addEventListener(event, light(false));
  };
}
