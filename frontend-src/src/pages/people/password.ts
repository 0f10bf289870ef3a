/** Characters that nobody takes for one another, on paper and by voice. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP_LENGTH = 5;

/** A random password of four groups; 20 of 31 characters are 99 bits. */
export function newPassword(): string {
  const groups = Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_LENGTH }, letter).join(""));
  return groups.join("-");
}

function letter(): string {
  // Bytes beyond the last whole round would make the first letters likelier.
  const limit = 256 - (256 % LETTERS.length);
  for (;;) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < limit) return LETTERS[byte % LETTERS.length] ?? "";
  }
}
