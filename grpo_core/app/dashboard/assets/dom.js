/**
 * Making and changing DOM without ever parsing HTML: text is text, whatever a model wrote.
 */

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

/**
 * An element with attributes and children; strings become text nodes.
 * @param {string} tag
 * @param {Object<string, any>} [attributes] `on...` are listeners, `class` and the rest attributes
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** As `h`, in SVG. @returns {SVGElement} */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** As `h`, in MathML. @returns {Element} */
export function m(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(MATHML, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Set text only when it differs: an unchanged node costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or remove an attribute only when it differs. */
export function setAttribute(node, name, value) {
  if (value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

const styled = new WeakMap(); // element -> the style that it was given last

/**
 * Set an element's own style only when it differs. Not as an attribute: a policy without
 * 'unsafe-inline' forbids those, and allows what a script writes to `style`.
 * @param {HTMLElement} node
 * @param {string} text declarations, as in a style attribute
 */
export function setStyle(node, text) {
  if (styled.get(node) === text) return;
  styled.set(node, text);
  node.style.cssText = text;
}

/** Show or hide, touching the DOM only on a change. */
export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/**
 * Make `parent` hold exactly `count` children, keeping those it has.
 * @param {Element} parent
 * @param {number} count
 * @param {(index: number) => Node} make
 */
export function resize(parent, count, make) {
  while (parent.childNodes.length > count) parent.lastChild.remove();
  for (let i = parent.childNodes.length; i < count; i++) parent.append(make(i));
}
