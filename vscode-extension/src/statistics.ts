// What became of suggestions, on a page in the editor: no script runs in it, and it can ask nothing of any network.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { settingsCommand } from "./openSettings";
import type { Server } from "./server";
import { DAYS, statisticsPage } from "./statisticsPage";
import { runTool } from "./tool";

const SETTING = settingsCommand("tabwright.signals");

export class Statistics implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;

  /** `storage` is the extension's folder. */
  constructor(
    private readonly server: Server,
    private readonly storage: string,
  ) {}

  /** Opens the page, or brings the one that is open up to date. Throws a Failure. */
  async show(): Promise<void> {
    const location = vscode.ProgressLocation.Window;
    const read = () => this.read();
    const page = await vscode.window.withProgress({ location, title: "Tabwright: reading the statistics" }, read);
    const isKept = vscode.workspace.getConfiguration("tabwright").get("signals", false);
    this.panel ??= this.open();
    this.panel.webview.html = statisticsPage(page, isKept ? undefined : SETTING);
    this.panel.reveal();
  }

  dispose(): void {
    this.panel?.dispose();
  }

  private open(): vscode.WebviewPanel {
    const enableCommandUris = [SETTING[0]];
    const options = { enableScripts: false, enableForms: false, localResourceRoots: [], enableCommandUris };
    const column = vscode.ViewColumn.Active;
    const panel = vscode.window.createWebviewPanel("tabwright.statistics", "Tabwright: Statistics", column, options);
    panel.onDidDispose(() => {
      this.panel = undefined;
    });
    return panel;
  }

  /** The tool's page; undefined where nothing was kept. */
  private async read(): Promise<string | undefined> {
    const file = join(this.storage, `statistics-${process.pid}.html`);
    const never = new vscode.CancellationTokenSource().token;
    try {
      const what = ["stats", "--days", String(DAYS), "--html", file];
      await runTool(await this.server.installation(), what, this.storage, never);
      return await readFile(file, "utf8").catch(() => undefined); // nothing to tell, nothing written
    } finally {
      await rm(file, { force: true });
    }
  }
}
