// The end of a node's log, followed.

import { text } from "./dom.js";

const TAIL_BYTES = 16 * 1024;
const FAR_BYTES = 256 * 1024; // a log that is so far ahead is not read, but its end
const KEPT_CHARS = 200_000;

export class Log {
  constructor(element, path) {
    this.element = element;
    this.path = path;
  }

  pick(node) {
    this.node = node;
    this.start();
    this.said = "";
    text(this.path, "");
    text(this.element, "");
  }

  start() {
    this.file = undefined;
    this.next = -TAIL_BYTES;
  }

  async follow() {
    const { node, next } = this;
    const response = await fetch(`api/log?node=${encodeURIComponent(node)}&offset=${next}`);
    const piece = await response.json();
    if (node !== this.node || next !== this.next) return; // another was picked, or another answer came first
    if (!response.ok) {
      if (!this.file) text(this.element, piece.error);
      return;
    }
    if (this.file !== undefined && this.file !== piece.path) {
      this.start(); // the next attempt has a log of its own
      this.add(`\n── ${piece.path} ──\n`);
      return;
    }
    this.take(piece);
  }

  take(piece) {
    const first = this.file === undefined;
    if (first && this.said === "") text(this.element, piece.size ? "" : "Nothing has been printed yet.");
    this.file = piece.path;
    text(this.path, piece.path);
    const begin = first && piece.offset > 0 ? piece.text.indexOf("\n") + 1 : 0; // not in the middle of a line
    this.add(piece.text.slice(begin));
    this.next = piece.next;
    if (piece.size - piece.next > FAR_BYTES) {
      this.add(`\n[… ${piece.size - piece.next - TAIL_BYTES} bytes are only in the file …]\n`);
      this.next = -TAIL_BYTES;
    }
  }

  add(more) {
    if (more === "") return;
    const atEnd = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24;
    this.said = (this.said + plain(more)).slice(-KEPT_CHARS);
    this.element.textContent = this.said;
    if (atEnd) this.element.scrollTop = this.element.scrollHeight;
  }
}

// Without colours; what a progress bar overwrites becomes lines.
const plain = (said) => said.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replace(/\r\n?/g, "\n");
