// Turns one word of an expression into a test of rows.

const OPERATORS = [["!=", "is", true], [">=", "atLeast", false], ["<=", "atMost", false], [":", "is", false], ["=", "is", false], ["~", "contains", false], [">", "more", false], ["<", "less", false]];

/** Name, operator and value of a word; null for a word without an operator. */
function splitTerm(word) {
  const length = word.findIndex((letter) => letter.isQuoted || !/[A-Za-z0-9_]/.test(letter.char));
  if (length <= 0) return null;
  const rest = word.slice(length);
  const text = plainText(rest);
  const found = OPERATORS.find(([sign]) => text.startsWith(sign));
  if (found === undefined || rest[0].isQuoted) return null;
  // IPv6 addresses and `host:port` look like a field at first.
  if (found[0] === ":" && parsePlace(plainText(word)) !== null) return null;
  return { name: word.slice(0, length), operator: found[1], isNot: found[2], value: rest.slice(found[0].length) };
}

function fieldNamed(name) {
  const text = plainText(name).toLowerCase();
  const field = data.fields.find((known) => known.names.includes(text));
  if (field !== undefined) return field;
  const near = nearest(text, data.fields.flatMap((known) => known.names));
  const advice = near === null ? `there are ${data.fields.map((known) => known.names[0]).join(", ")}` : `did you mean ${near}?`;
  throw new FilterError(spanOf(name), `there is no field ${quoted(text)}: ${advice}`);
}

/** The test of a word, and whether it is negated. */
function parseTerm(letters) {
  const isMinus = "-!".includes(letters[0].char) && !letters[0].isQuoted;
  const word = isMinus ? letters.slice(1) : letters;
  const split = splitTerm(word);
  if (split === null) return { test: anywhereTest(plainText(word), !isQuoted(word)), isNegated: isMinus };
  const field = fieldNamed(split.name);
  if (split.value.length === 0) throw new FilterError(spanOf(word), `${plainText(split.name)}: a value is missing (${field.meaning})`);
  const tests = alternatives(split.value).map((value) => {
    try {
      return valueTest(field, split.operator, value);
    } catch (reason) {
      if (typeof reason !== "string") throw reason;
      throw new FilterError(spanOf(value.length === 0 ? word : value), reason);
    }
  });
  const main = field.names[0];
  if (!(main in FIELD_COLUMNS || main in FIELD_ENDS || main in FIELD_SUMS)) {
    throw new FilterError(spanOf(split.name), `${main} is not available on this page, which has connections and not rows: use netrec dump --filter`);
  }
  return { test: tests.length === 1 ? tests[0] : (row) => tests.some((test) => test(row)), isNegated: isMinus !== split.isNot };
}

/** The parts between commas outside quotes. */
function alternatives(letters) {
  const parts = [[]];
  for (const letter of letters) {
    if (letter.char === "," && !letter.isQuoted) parts.push([]);
    else parts.at(-1).push(letter);
  }
  return parts;
}

/** Throws the reason if the text is not a value of the field. */
function valueTest(field, operator, letters) {
  const [name, text] = [field.names[0], plainText(letters)];
  if (text === "") throw `${name}: a value is missing between the commas`;
  const isBare = !isQuoted(letters);
  const isEquality = operator === "is" || operator === "contains";
  const isUnknown = text === "none" && isBare && isEquality;
  if (field.kind === "number") return isUnknown ? unknownTest(name) : numberTest(name, parseRange(operator, text, field.unit));
  if (field.kind === "port") return isUnknown ? unknownTest(name) : portTest(name, operator, text);
  if (isUnknown) return unknownTest(name);
  if (!isEquality) throw `${name} is not a number: use ${name}:${text}`;
  const holds = pattern(text, operator === "contains", isBare);
  if (field.kind === "address") return addressTest(name, operator, text, holds);
  if (field.kind === "word" && !field.words.some(holds)) {
    const near = nearest(text, field.words);
    throw near === null ? `${name} is never ${quoted(text)}: there are ${field.words.join(", ")}` : `${name} is never ${quoted(text)}: did you mean ${near}?`;
  }
  if (field.kind === "country" && !/^[A-Za-z*?]{0,2}$/.test(text)) throw `${quoted(text)} is not a two-letter country code such as DE or US`;
  return textTest(FIELD_COLUMNS[name], holds);
}

function unknownTest(name) {
  if (name in FIELD_ENDS) {
    const tests = FIELD_ENDS[name].map((side) => isUnknownTest(`${side}_addr`));
    return (row) => tests.every((test) => test(row));
  }
  return name in FIELD_SUMS ? sumIsUnknown(FIELD_SUMS[name]) : isUnknownTest(FIELD_COLUMNS[name]);
}

function numberTest(name, range) {
  return rangeTest(FIELD_SUMS[name] ?? [FIELD_COLUMNS[name]], range);
}

function portTest(name, operator, text) {
  const range = parseRange(operator, text, "none");
  const largest = Math.max(...text.split("-").map((number) => Number(parseWhole(number) ?? 0n)));
  if (largest > 65535) throw `${text} is not a port: ports end at 65535`;
  const tests = FIELD_ENDS[name].map((side) => rangeTest([`${side}_port`], range));
  return (row) => tests.some((test) => test(row));
}

/** An address or a network; anything with letters or wildcards is a pattern for names and addresses. */
function addressTest(name, operator, text, holds) {
  const sides = FIELD_ENDS[name];
  const place = operator === "contains" ? null : parsePlace(text);
  if (place !== null) {
    const tests = sides.map((side) => placeTest(side, place));
    return (row) => tests.some((test) => test(row));
  }
  const isName = operator === "contains" || (/[\p{Alphabetic}*?]/u.test(text) && !text.includes("/"));
  if (!isName) throw `${name}: ${quoted(text)} is not an address, network (10.0.0.0/8) or name`;
  const tests = sides.map((side) => textTest(`${side}_addr`, holds));
  if (sides.includes("remote")) tests.push(textTest("remote_name", holds));
  return (row) => tests.some((test) => test(row));
}
