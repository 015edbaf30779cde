// Texts on the page that stand out from what is behind them by less than 4.5:1 (WCAG 2, AA).
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

function luminance(rgb) {
  const [red, green, blue] = rgb.map((c) => linear(c / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const [red, green, blue, alpha = 1] = numbers(getComputedStyle(at).backgroundColor);
    if (alpha === 1) return [red, green, blue];
  }
  return [255, 255, 255];
}

function says(element) {
  const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return words && element.getClientRects().length && element.textContent !== "●";
}

function contrast(element) {
  const style = getComputedStyle(element);
  const ink = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
  const both = [luminance(numbers(ink).slice(0, 3)), luminance(behind(element))];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}

return [...document.querySelectorAll("main *, footer")]
  .filter((element) => says(element) && contrast(element) < 4.5)
  .map((element) => element.textContent.slice(0, 40));
