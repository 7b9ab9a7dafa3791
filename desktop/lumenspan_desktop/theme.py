"""Colours and type, light and dark, following the system unless told otherwise."""

from dataclasses import dataclass
from string import Template
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

SchemeName = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Theme:
    """Colours by their use, as `#rrggbb`."""

    is_dark: bool
    window: str
    surface: str
    sunken: str
    hover: str
    border: str
    strong_border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    selection: str
    chip: str
    good: str
    warning: str
    danger: str
    danger_surface: str
    types: dict[str, str]

    def level(self, level: str) -> str:
        """The colour of an observation level."""
        return {"ERROR": self.danger, "WARNING": self.warning, "DEBUG": self.muted}.get(level, self.good)

    def type(self, kind: str) -> str:
        """The colour of an observation type; that of a span for an unknown one."""
        return self.types.get(kind, self.types["SPAN"])


LIGHT = Theme(
    is_dark=False,
    window="#f5f6f8",
    surface="#ffffff",
    sunken="#f0f2f5",
    hover="#f3f5fa",
    border="#e3e6eb",
    strong_border="#cbd0d9",
    text="#1b2130",
    muted="#667085",
    accent="#3f5bd9",
    accent_hover="#344cbd",
    on_accent="#ffffff",
    selection="#e3e9ff",
    chip="#eceff4",
    good="#2f9461",
    warning="#b7791f",
    danger="#cf3b3b",
    danger_surface="#fdeeee",
    types={
        "TRACE": "#475467",
        "SPAN": "#5b7ba6",
        "GENERATION": "#8a4fd6",
        "EVENT": "#667085",
        "AGENT": "#3f5bd9",
        "TOOL": "#c2641a",
        "CHAIN": "#2b8a8a",
        "RETRIEVER": "#1d7fb8",
        "EVALUATOR": "#2f9461",
        "EMBEDDING": "#b0812a",
        "GUARDRAIL": "#cf3b6f",
    },
)

DARK = Theme(
    is_dark=True,
    window="#13161b",
    surface="#1a1e25",
    sunken="#15181e",
    hover="#212630",
    border="#2a303b",
    strong_border="#3c4453",
    text="#e7eaf0",
    muted="#97a1b2",
    accent="#7c93ff",
    accent_hover="#93a6ff",
    on_accent="#10131a",
    selection="#2a3560",
    chip="#272d38",
    good="#56c08a",
    warning="#e0a94b",
    danger="#f07272",
    danger_surface="#3a2226",
    types={
        "TRACE": "#b3bccb",
        "SPAN": "#86a6d3",
        "GENERATION": "#b98af2",
        "EVENT": "#97a1b2",
        "AGENT": "#7c93ff",
        "TOOL": "#ee9a55",
        "CHAIN": "#5ec2c2",
        "RETRIEVER": "#5bb4e6",
        "EVALUATOR": "#56c08a",
        "EMBEDDING": "#dbb260",
        "GUARDRAIL": "#f07aa6",
    },
)

_SHEET = Template("""
QWidget { color: $text; }
QMainWindow, #screen { background: $window; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 4px 6px; }
#bar { background: $surface; border-bottom: 1px solid $border; }
#card { background: $surface; border: 1px solid $border; border-radius: 10px; }
QFrame#servers { border: none; border-right: 1px solid $border; }
#panel { background: $surface; border: 1px solid $border; border-radius: 8px; }
QLabel#title { font-size: 17px; font-weight: 600; }
QLabel#brand { font-size: 15px; font-weight: 700; }
QLabel#muted, QLabel#footer, QLabel#hint { color: $muted; }
QLabel#fieldLabel { color: $muted; font-size: 12px; font-weight: 500; }
QLabel#role { font-size: 12px; font-weight: 700; }
QLabel#problem { color: $danger; }
QLabel#status { color: $muted; }
QLabel#status[level="ERROR"] { color: $danger; }
QLabel#status[level="WARNING"] { color: $warning; }
QLineEdit, QComboBox, QDateTimeEdit {
    background: $surface; border: 1px solid $strong_border; border-radius: 6px;
    padding: 0 9px; min-height: 30px; selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QComboBox:focus, QDateTimeEdit:focus { border: 1px solid $accent; }
QLineEdit:disabled, QComboBox:disabled { color: $muted; background: $sunken; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView {
    background: $surface; border: 1px solid $border; padding: 4px; outline: none;
    selection-background-color: $selection; selection-color: $text;
}
QPushButton {
    background: $surface; border: 1px solid $strong_border; border-radius: 6px;
    padding: 0 13px; min-height: 30px; font-weight: 500;
}
QPushButton:hover { background: $hover; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $muted; background: $sunken; }
QPushButton:checked { background: $selection; border-color: $accent; color: $accent; }
QPushButton#primary { background: $accent; border-color: $accent; color: $on_accent; font-weight: 600; }
QPushButton#primary:hover { background: $accent_hover; }
QPushButton#primary:disabled { background: $chip; border-color: $chip; color: $muted; }
QPushButton#quiet { background: transparent; border: 1px solid transparent; color: $muted; padding: 0 9px; }
QPushButton#quiet:hover { background: $hover; color: $text; }
QPushButton#quiet:focus { border-color: $accent; }
QPushButton#link {
    background: transparent; border: none; color: $accent; padding: 0; min-height: 22px; text-align: left;
}
QPushButton#link:hover, QPushButton#link:focus { text-decoration: underline; }
QPushButton#pill {
    background: $accent; color: $on_accent; border: none;
    border-radius: 14px; min-height: 28px; padding: 0 15px;
}
QPushButton#segment {
    border-radius: 0; margin: 0; padding: 0 12px; min-height: 26px; border-right-width: 0;
}
QPushButton#segment[place="first"] { border-top-left-radius: 6px; border-bottom-left-radius: 6px; }
QPushButton#segment[place="last"] {
    border-top-right-radius: 6px; border-bottom-right-radius: 6px; border-right-width: 1px;
}
#errorBar { background: $danger_surface; border: 1px solid $danger; border-radius: 6px; }
#errorBar QLabel { color: $danger; }
QTableView, QTreeView, QListView, QPlainTextEdit, QScrollArea, QTextBrowser {
    background: $surface; border: none; outline: none;
    selection-background-color: $selection; selection-color: $text;
}
QPlainTextEdit { padding: 8px; }
#reader { border-top: 1px solid $border; }
#conversation { background: $surface; }
QTreeView#json::item { min-height: 24px; padding: 0 4px; }
QTreeView#json::item:selected { background: $selection; color: $text; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section {
    background: $surface; color: $muted; border: none; border-bottom: 1px solid $border;
    padding: 0 10px; font-weight: 600; font-size: 12px;
}
QHeaderView::up-arrow, QHeaderView::down-arrow { image: none; width: 0; height: 0; }
QHeaderView::section:hover { color: $text; }
QAbstractScrollArea::corner { background: $surface; border: none; }
QTableCornerButton::section { background: $surface; border: none; }
QTabWidget::pane { border: none; border-top: 1px solid $border; top: -1px; }
QTabBar { background: transparent; }
QTabBar::tab {
    background: transparent; color: $muted; border: none; border-bottom: 2px solid transparent;
    padding: 8px 14px; font-weight: 600;
}
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:focus { color: $accent; }
QSplitter::handle { background: transparent; }
QScrollBar:vertical { background: transparent; width: 11px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 11px; margin: 0; }
QScrollBar::handle {
    background: $strong_border; border-radius: 3px; margin: 2px; min-height: 28px; min-width: 28px;
}
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QMenu { background: $surface; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 5px 18px; border-radius: 4px; }
QMenu::item:selected { background: $selection; }
""")


class ThemeKeeper(QObject):
    """Holds the theme in force and changes it with the system's.

    Signals:
        changed(Theme): another theme is in force.
    """

    changed = Signal(object)

    def __init__(self, app: QApplication, scheme: SchemeName = "system") -> None:
        super().__init__(app)
        self._app = app
        self._scheme = scheme
        app.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_changed)
        self.theme = self._wanted()
        self._apply()

    def set_scheme(self, scheme: SchemeName) -> None:
        """Follows the system, or stays light or dark."""
        self._scheme = scheme
        self._on_system_changed()

    def _wanted(self) -> Theme:
        if self._scheme != "system":
            return DARK if self._scheme == "dark" else LIGHT
        is_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if is_dark else LIGHT

    def _on_system_changed(self) -> None:
        wanted = self._wanted()
        if wanted is not self.theme:
            self.theme = wanted
            self._apply()
            self.changed.emit(wanted)

    def _apply(self) -> None:
        global _current
        _current = self.theme
        self._app.setPalette(palette(self.theme))
        colours = {key: value for key, value in vars(self.theme).items() if isinstance(value, str)}
        self._app.setStyleSheet(_SHEET.substitute(colours))


_current = LIGHT


def current() -> Theme:
    """The theme in force, for code that paints."""
    return _current


def palette(theme: Theme) -> QPalette:
    """The theme as Qt's palette, for all that no style sheet reaches."""
    made = QPalette()
    role = QPalette.ColorRole
    for key, value in {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.sunken,
        role.Text: theme.text,
        role.Button: theme.surface,
        role.ButtonText: theme.text,
        role.ToolTipBase: theme.surface,
        role.ToolTipText: theme.text,
        role.Highlight: theme.selection,
        role.HighlightedText: theme.text,
        role.Link: theme.accent,
        role.PlaceholderText: theme.muted,
        role.Mid: theme.border,
        role.Accent: theme.accent,
    }.items():
        made.setColor(key, QColor(value))
    made.setColor(QPalette.ColorGroup.Disabled, role.Text, QColor(theme.muted))
    made.setColor(QPalette.ColorGroup.Disabled, role.ButtonText, QColor(theme.muted))
    return made


def mono_font(size_px: int = 12) -> QFont:
    """The system's fixed-width font."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(size_px)
    return font


def number_font(base: QFont) -> QFont:
    """The same font with digits of equal width, so that columns of numbers line up."""
    font = QFont(base)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
