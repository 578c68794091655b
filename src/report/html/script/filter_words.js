// The filter language of the command line (src/filter): splits a text into words, letter by letter, so that
// an error can point at its position. Every message is the same as on the command line.

/** An error in an expression: the reason, and the range of letters. */
class FilterError extends Error {
  constructor([start, end], reason) {
    super(reason);
    this.span = [start, end];
  }

  /** As printed on the command line: the reason, the text, and carets below the position. */
  display(text) {
    const [start, end] = this.span;
    const line = [...text].map((char) => (/\p{Cc}/u.test(char) ? " " : char)).join("");
    return `${this.message}\n  ${line}\n  ${" ".repeat(start)}${"^".repeat(Math.max(end - start, 1))}`;
  }
}

/** Words of letters `{ char, isQuoted, at }`, split at blanks outside quotes. */
function splitWords(text) {
  const chars = [...text];
  const words = [[]];
  let quote = null;
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at];
    if (char === '"') {
      quote = quote === null ? at : null;
    } else if (char === "\\" && quote !== null && (chars[at + 1] === '"' || chars[at + 1] === "\\")) {
      at += 1;
      words.at(-1).push({ char: chars[at], isQuoted: true, at });
    } else if (/\p{White_Space}/u.test(char) && quote === null) {
      words.push([]);
    } else {
      words.at(-1).push({ char, isQuoted: quote !== null, at });
    }
  }
  if (quote !== null) throw new FilterError([quote, quote + 1], "this quote is not closed");
  return words.filter((word) => word.length > 0);
}

function plainText(letters) {
  return letters.map((letter) => letter.char).join("");
}

function isQuoted(letters) {
  return letters.some((letter) => letter.isQuoted);
}

function spanOf(letters) {
  return letters.length > 0 ? [letters[0].at, letters.at(-1).at + 1] : [0, 0];
}

/** A quoted text, as shown in an error. */
function quoted(text) {
  const escapes = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0" };
  const shown = (char) => escapes[char] ?? (/[\p{C}\p{Zl}\p{Zp}]/u.test(char) ? `\\u{${char.codePointAt(0).toString(16)}}` : char);
  return `"${[...text].map(shown).join("")}"`;
}

/** The number of letters to insert, delete or replace to turn one word into another. */
function distance(a, b) {
  const right = [...b].slice(0, 40);
  const row = Array.from({ length: right.length + 1 }, (_, index) => index);
  [...a].slice(0, 200).forEach((left, i) => {
    let diagonal = row[0];
    row[0] = i + 1;
    right.forEach((char, j) => {
      const replaced = diagonal + (left === char ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = Math.min(replaced, row[j] + 1, diagonal + 1);
    });
  });
  return row[right.length];
}

/** The candidate that was probably meant, or null. */
function nearest(word, candidates) {
  const folded = word.toLowerCase();
  let best = null;
  for (const name of candidates) {
    const far = distance(name.toLowerCase(), folded);
    if (best === null || far < best.far || (far === best.far && name < best.name)) best = { far, name };
  }
  return best !== null && best.far <= 2 && best.far < [...folded].length ? best.name : null;
}
