import { el } from './dom.js';

const most = 400;

// Splits a sentence into words and the spaces between them; a word is compared without case and punctuation.
const wordsOf = (text) => text.split(/(\s+)/).filter((part) => part !== '').slice(0, most);

const bare = (word) => word.toLowerCase().replaceAll(/[\p{P}\p{S}]/gu, '') || word;

const isSpace = (word) => /^\s+$/.test(word);

// Returns the places of the words of the longest common subsequence of two lists, as places in the second.
const common = (left, right) => {
  const length = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      length[i][j] = left[i] === right[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
    }
  }

  const found = new Set();
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    if (left[i] === right[j]) {
      found.add(j);
      i++;
      j++;
    } else if (length[i + 1][j] >= length[i][j + 1]) {
      i++;
    } else {
      j++;
    }
  }

  return found;
};

// Marks the words of an output that are not the reference's, in its order; spaces between marked words belong to them.
export const marked = (reference, output) => {
  const parts = wordsOf(output ?? '');
  const places = parts.map((part, at) => [part, at]).filter(([part]) => !isSpace(part)).map(([, at]) => at);
  const same = common(
    wordsOf(reference ?? '').filter((part) => !isSpace(part)).map(bare), places.map((at) => bare(parts[at])));
  const foreign = new Set(places.filter((_, at) => !same.has(at)));
  const pieces = [];
  parts.forEach((part, at) => {
    const isMarked = foreign.has(at) || (isSpace(part) && foreign.has(at - 1) && foreign.has(at + 1));
    if (pieces.at(-1)?.isMarked === isMarked) {
      pieces.at(-1).text += part;
    } else {
      pieces.push({ text: part, isMarked });
    }
  });
  return pieces.map((piece) => piece.isMarked ? el('mark', {}, piece.text) : piece.text);
};
