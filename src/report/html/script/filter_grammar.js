// Parses words into an expression.
//
//   any  := all ("or" all)*
//   all  := part ("and"? part)*
//   part := ("not" | "-" | "!")* (word | "(" any ")")

const MOST_DEPTH = 16;
const MOST_TERMS = 32;

/** Separates parentheses from words. One that belongs to a word, as in `cmdline~f(x)`, stays there. */
function tokensOf(words) {
  const tokens = [];
  let depth = 0;
  for (const word of words) {
    let rest = word;
    const sign = (index) => (rest[index] !== undefined && !rest[index].isQuoted ? rest[index].char : null);
    for (;;) {
      if (sign(0) === "(") {
        tokens.push({ kind: "open", at: rest[0].at });
        depth += 1;
      } else if ((sign(0) === "-" || sign(0) === "!") && sign(1) === "(") {
        tokens.push({ kind: "not" });
      } else break;
      rest = rest.slice(1);
    }
    if (depth > MOST_DEPTH) throw new FilterError(spanOf(word), `more than ${MOST_DEPTH} nested parentheses`);
    const closing = Math.min(closingOf(rest), depth);
    const inner = rest.slice(0, rest.length - closing);
    depth -= closing;
    if (inner.length > 0) tokens.push(wordToken(inner));
    for (const letter of rest.slice(rest.length - closing)) tokens.push({ kind: "close", at: letter.at });
  }
  return tokens;
}

/** Number of closing parentheses at the end of a word that were not opened in it. */
function closingOf(word) {
  const bare = (char) => word.filter((letter) => letter.char === char && !letter.isQuoted).length;
  let atEnd = 0;
  while (atEnd < word.length && word[word.length - 1 - atEnd].char === ")" && !word[word.length - 1 - atEnd].isQuoted) atEnd += 1;
  return Math.min(atEnd, Math.max(bare(")") - bare("("), 0));
}

function wordToken(word) {
  const text = isQuoted(word) ? "" : plainText(word);
  if (["not", "NOT", "-", "!"].includes(text)) return { kind: "not" };
  if (text === "and" || text === "AND") return { kind: "and" };
  if (text === "or" || text === "OR") return { kind: "or", span: spanOf(word) };
  return { kind: "word", word };
}

/** A test of rows, or null for an empty text. Throws a FilterError. */
function parseFilter(text) {
  const tokens = tokensOf(splitWords(text));
  const parser = { tokens, next: 0, terms: 0, end: [...text].length };
  return tokens.length === 0 ? null : parseAny(parser);
}

function parseAny(parser) {
  const parts = [parseAll(parser)];
  while (parser.tokens[parser.next]?.kind === "or") {
    const { span } = parser.tokens[parser.next];
    parser.next += 1;
    if (!["word", "open", "not", "and"].includes(parser.tokens[parser.next]?.kind)) throw new FilterError(span, "a term is missing after or");
    parts.push(parseAll(parser));
  }
  return parts.length === 1 ? parts[0] : (row) => parts.some((part) => part(row));
}

function parseAll(parser) {
  const parts = [];
  for (;;) {
    const token = parser.tokens[parser.next];
    if (token?.kind === "and") parser.next += 1;
    else if (token?.kind === "or" && parts.length === 0) throw new FilterError(token.span, "a term is missing before or");
    else if (token?.kind === "close" && parts.length === 0) throw new FilterError([token.at, token.at + 1], "a term is missing in the parentheses");
    else if (token === undefined || token.kind === "or" || token.kind === "close") return parts.length === 1 ? parts[0] : (row) => parts.every((part) => part(row));
    else parts.push(parsePart(parser));
  }
}

function parsePart(parser) {
  let isNegated = false;
  for (;;) {
    const token = parser.tokens[parser.next];
    parser.next += 1;
    if (token?.kind === "not") {
      isNegated = !isNegated;
    } else if (token?.kind === "word") {
      const term = parseTerm(token.word);
      if (parser.terms === MOST_TERMS) throw new FilterError(spanOf(token.word), `more than ${MOST_TERMS} terms`);
      parser.terms += 1;
      return negatedIf(isNegated !== term.isNegated, term.test);
    } else if (token?.kind === "open") {
      return negatedIf(isNegated, parseGroup(parser, token.at));
    } else {
      throw new FilterError([parser.end, parser.end], "a term is missing after the negation");
    }
  }
}

function parseGroup(parser, at) {
  const notClosed = () => new FilterError([at, at + 1], "this parenthesis is not closed");
  if (parser.next >= parser.tokens.length) throw notClosed();
  const inner = parseAny(parser);
  if (parser.tokens[parser.next]?.kind !== "close") throw notClosed();
  parser.next += 1;
  return inner;
}

function negatedIf(isNegated, test) {
  return isNegated ? (row) => !test(row) : test;
}
