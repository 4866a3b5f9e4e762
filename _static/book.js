// A figure opens at full size: on a phone its labels are too small to read.
document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll("article figure img")) {
    if (image.closest("a")) continue;
    const link = document.createElement("a");
    link.href = image.src;
    link.title = "Open at full size";
    image.replaceWith(link);
    link.append(image);
  }
});
