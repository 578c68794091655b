// Case-insensitive patterns with wildcards: `?` is one character, `*` any number.

const ONE = Symbol("?");
const MANY = Symbol("*");

/** Lower case, if that is a single character. */
function folded(char) {
  const lower = [...char.toLowerCase()];
  return lower.length === 1 ? lower[0] : char;
}

/** A test of whole texts, or of any part of them. */
function pattern(text, isPart, hasWildcards) {
  const piece = (char) => (hasWildcards && char === "*" ? MANY : hasWildcards && char === "?" ? ONE : folded(char));
  const pieces = [...text].map(piece);
  if (isPart) {
    pieces.unshift(MANY);
    pieces.push(MANY);
  }
  const isPlain = isAscii(text) && !(hasWildcards && /[*?]/.test(text));
  const wanted = text.toLowerCase();
  return (candidate) => {
    if (!isPlain || !isAscii(candidate)) return fits(pieces, candidate);
    const lower = candidate.toLowerCase();
    return isPart ? lower.includes(wanted) : lower === wanted;
  };
}

/** Whether lower case equals the browser's own, letter for letter, which is much faster. */
function isAscii(text) {
  return /^[\0-\x7f]*$/.test(text);
}

/** Backtracks only to the last `*`, so the time is bounded by the product of both lengths. */
function fits(pieces, text) {
  const chars = [...text];
  let [piece, at, afterMany, from] = [0, 0, -1, 0];
  for (;;) {
    if (pieces[piece] === MANY) {
      piece += 1;
      [afterMany, from] = [piece, at];
      continue;
    }
    if (piece === pieces.length && at === chars.length) return true;
    if (at < chars.length && piece < pieces.length && (pieces[piece] === ONE || pieces[piece] === folded(chars[at]))) {
      piece += 1;
      at += 1;
      continue;
    }
    if (afterMany < 0 || from >= chars.length) return false;
    from += 1;
    [piece, at] = [afterMany, from];
  }
}
