using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>A headless Chromium with one page, driven over the DevTools protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string[] Programs = ["chromium", "chromium-browser", "google-chrome"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _profile = new("chromium-");
    private readonly ClientWebSocket _socket = new();
    private readonly Process _process;
    private int _id;

    private Browser(string program) => _process = Process.Start(new ProcessStartInfo(
        program,
        [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
            $"--user-data-dir={_profile.Path}", "about:blank",
        ])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Starts a browser; skips the test if there is none.</summary>
    /// <param name="keepsPolicy">true to keep the pages' content security policies, which some tests' scripts
    /// break.</param>
    public static async Task<Browser> StartAsync(bool keepsPolicy = false)
    {
        var program = Array.Find(Programs, Command.IsInstalled);
        Skipped.Unless(program is not null, "No Chromium is on the PATH.");
        var browser = new Browser(program!);
        var listening = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        browser._process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.Split("DevTools listening on ", 2) is [_, var address])
            {
                listening.TrySetResult(new Uri(address));
            }
        };
        browser._process.BeginErrorReadLine();
        browser._process.BeginOutputReadLine();
        var port = (await listening.Task.WaitAsync(Patience, Cancellation)).Port;
        using var http = new HttpClient();
        var pages = await http.GetFromJsonAsync<JsonArray>(
            $"http://127.0.0.1:{port}/json", Cancellation);
        var page = pages!.First(each => (string?)each!["type"] == "page")!;
        await browser._socket.ConnectAsync(new Uri((string)page["webSocketDebuggerUrl"]!), Cancellation);
        await browser.SendAsync("Page.enable", new { });
        await browser.SendAsync("Page.setBypassCSP", new { enabled = !keepsPolicy });
        return browser;
    }

    /// <summary>Opens an address and waits until an expression is true on it.</summary>
    public async Task OpenAsync(Uri address, string until)
    {
        await SendAsync("Page.navigate", new { url = "about:blank" });
        await SendAsync("Page.navigate", new { url = address.ToString() });
        await UntilAsync(until);
    }

    /// <summary>Waits until an expression is true: the page itself tells, at each change of its content or
    /// address.</summary>
    public async Task UntilAsync(string expression)
    {
        var script = $$"""
            new Promise(resolve => {
              const isTrue = () => { try { return Boolean({{expression}}); } catch { return false; } };
              if (isTrue()) { resolve(true); return; }
              const look = () => { if (isTrue()) { observer.disconnect(); resolve(true); } };
              const observer = new MutationObserver(look);
              observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
              window.addEventListener('hashchange', look);
              window.addEventListener('load', look);
              setTimeout(() => resolve(false), {{Patience.TotalMilliseconds}});
            })
            """;
        while (true)
        {
            try
            {
                var answer = await EvaluateAsync(script);
                Assert.True(
                    answer["value"]!.GetValue<bool>(),
                    $"Not true: {expression}\n{await TextAsync("document.body?.innerText")}");
                return;
            }
            catch (InvalidOperationException gone) when (
                gone.Message.Contains("context was destroyed", StringComparison.Ordinal)
                || gone.Message.Contains("navigated or closed", StringComparison.Ordinal))
            {
                // The page was left or loaded again: the next one is asked.
            }
        }
    }

    /// <summary>Shows pages as a person with these preferences sees them.</summary>
    public async Task PreferAsync(string scheme, string language, int width)
    {
        await SendAsync("Emulation.setEmulatedMedia", new
        {
            features = new[] { new { name = "prefers-color-scheme", value = scheme } },
        });
        await SendAsync("Emulation.setDeviceMetricsOverride", new
        {
            width,
            height = 900,
            deviceScaleFactor = 1,
            mobile = width < 600,
        });
        var version = await SendAsync("Browser.getVersion", new { });
        await SendAsync("Emulation.setUserAgentOverride", new
        {
            userAgent = (string)version["userAgent"]!,
            acceptLanguage = language == "ko" ? "ko-KR,ko,en" : "en-US,en",
        });
    }

    /// <summary>Keeps a picture of the whole page in artifacts/screenshots.</summary>
    /// <param name="name">The file's name, without its ending.</param>
    public async Task KeepPictureAsync(string name)
    {
        var picture = await SendAsync(
            "Page.captureScreenshot", new { format = "png", captureBeyondViewport = true });
        var folder = Directory.CreateDirectory(Path.Combine(Checkout.Root, "artifacts", "screenshots"));
        await File.WriteAllBytesAsync(
            Path.Combine(folder.FullName, $"{name}.png"), Convert.FromBase64String((string)picture["data"]!),
            Cancellation);
    }

    /// <summary>Presses a key, as a person without a mouse does.</summary>
    /// <param name="key">Its name, such as <c>Tab</c> or <c>Enter</c>.</param>
    public async Task PressAsync(string key)
    {
        var (code, text) = key switch
        {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            "Escape" => (27, ""),
            _ => throw new ArgumentOutOfRangeException(nameof(key), key, "The test has no code for this key."),
        };
        foreach (var type in new[] { "keyDown", "keyUp" })
        {
            await SendAsync("Input.dispatchKeyEvent", new { type, key, text, windowsVirtualKeyCode = code });
        }
    }

    /// <summary>Evaluates an expression, or what it promises, to a text.</summary>
    public async Task<string> TextAsync(string expression) =>
        (string?)(await EvaluateAsync($"(async () => String(await ({expression})))()"))["value"] ?? "";

    /// <summary>Runs a script.</summary>
    public Task RunAsync(string script) => EvaluateAsync(script);

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _profile.Dispose();
    }

    private async Task<JsonNode> EvaluateAsync(string expression)
    {
        var answer = await SendAsync(
            "Runtime.evaluate", new { expression, awaitPromise = true, returnByValue = true });
        return answer["exceptionDetails"] is { } fault
            ? throw new InvalidOperationException(fault.ToJsonString())
            : answer["result"]!;
    }

    private async Task<JsonNode> SendAsync(string method, object parameters)
    {
        var id = ++_id;
        await _socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters }), WebSocketMessageType.Text,
            true, Cancellation);
        while (true)
        {
            var message = JsonNode.Parse(await ReceiveAsync())!;
            if ((int?)message["id"] == id)
            {
                return message["result"] ?? throw new InvalidOperationException(message.ToJsonString());
            }
        }
    }

    private async Task<byte[]> ReceiveAsync()
    {
        using var whole = new MemoryStream();
        var part = new byte[1 << 16];
        while (true)
        {
            var received = await _socket.ReceiveAsync(part.AsMemory(), Cancellation);
            whole.Write(part, 0, received.Count);
            if (received.EndOfMessage)
            {
                return whole.ToArray();
            }
        }
    }
}
