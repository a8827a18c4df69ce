using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>The dashboard in a browser: live, with hostile texts, in both languages, without barriers.</summary>
public sealed class DashboardBrowserTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Axe = "axe-core@4.14.1";

    private const string Hostile = "<img src=x onerror=\"document.title='broken'\"> 악성 & 이름";

    /// <summary>Present in every page, once it is drawn.</summary>
    private const string Drawn = "document.querySelector('main h1')";

    [Fact]
    public async Task Run_FromTheFormToTheVerdict_IsShownLiveAndAsText()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "en", 1200);
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        var request = service.Request(steps: 4);
        request["name"] = Hostile;
        request["id"] = "from-the-form";
        var text = JsonSerializer.Serialize(request.ToJsonString());
        await browser.RunAsync($"document.getElementById('request').value = {text}");
        await browser.RunAsync("[...document.querySelectorAll('main button')].at(0).click()");
        await browser.UntilAsync("document.body?.innerText.includes('This run would start')");
        await browser.RunAsync("[...document.querySelectorAll('main button')].at(1).click()");

        // The page follows the run by itself, from its start to its end.
        await browser.UntilAsync("location.hash === '#/runs/from-the-form'");
        await service.ReportAsync("from-the-form");
        await browser.UntilAsync("document.querySelector('a[href$=\"report.html\"]')");
        await browser.UntilAsync("document.querySelector('svg polyline')");
        await browser.UntilAsync("document.body?.innerText.includes('Verdict: ko-en')");
        Assert.Equal(Hostile, await browser.TextAsync("document.querySelector('h1').textContent"));
        Assert.Equal("0", await browser.TextAsync("document.querySelectorAll('main img').length"));
        Assert.Equal("Workflows", await browser.TextAsync("document.title"));

        await browser.RunAsync("document.getElementById('language').click()");
        await browser.UntilAsync("document.body?.innerText.includes('판정: ko-en')");
        Assert.Equal("ko", await browser.TextAsync("document.documentElement.lang"));

        await browser.OpenAsync(At("/#/"), "document.querySelector('tbody tr')");
        Assert.Equal(Hostile, await browser.TextAsync("document.getElementById('run-from-the-form').textContent"));
        await browser.OpenAsync(
            At("/#/runs/nobody"), "document.body?.innerText.includes(\"There is no run 'nobody'\")");
    }

    [Fact]
    public async Task Group_OfVariants_LinksEachAndEachLinksItsGroup()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "en", 400);
        var request = service.Request(steps: 4);
        request["id"] = "sweep";
        request["variants"] = new JsonArray(
            new JsonObject { ["name"] = "a" },
            new JsonObject { ["name"] = "b", ["training"] = new JsonObject { ["seed"] = 7 } });
        await service.StartAsync(request);
        await browser.OpenAsync(At("/#/runs/sweep"), "document.querySelectorAll('a[id^=run-sweep]').length > 0");

        await service.ReportAsync("sweep");
        await browser.UntilAsync("document.querySelectorAll('a[id^=run-sweep]').length === 2");
        await browser.UntilAsync("document.querySelector('a[href=\"/runs/sweep/report.html\"]')");
        await browser.RunAsync("document.getElementById('run-sweep-b').click()");
        await browser.UntilAsync("document.querySelector('a[href=\"#/runs/sweep\"]')");
        await browser.OpenAsync(At("/#/"), "document.getElementById('run-sweep')");
        Assert.Equal("null", await browser.TextAsync("String(document.getElementById('run-sweep-b'))"));
    }

    [Fact]
    public async Task Run_CancelledWithAReason_Ends()
    {
        await using var browser = await Browser.StartAsync();
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        await browser.PreferAsync("dark", "ko", 400);
        await browser.OpenAsync(At($"/#/runs/{id}"), "document.getElementById('reason')");

        // Suspended and continued there first.
        await browser.RunAsync("document.getElementById('reason').value = '잠시 <b>'");
        await browser.RunAsync("document.getElementById('suspend').click()");
        await browser.UntilAsync("document.querySelector('.badge.suspended')");
        await browser.UntilAsync("document.body?.innerText.includes('잠시 <b>')");
        await browser.RunAsync("document.getElementById('reason').value = '계속'");
        await browser.RunAsync("document.getElementById('unsuspend').click()");
        await browser.UntilAsync("document.querySelector('.badge.running') && document.getElementById('suspend')");

        await browser.RunAsync("document.getElementById('reason').value = '그만'");
        await browser.RunAsync("document.querySelector('button.danger').click()");

        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
        await browser.UntilAsync("document.querySelector('.badge.cancelled')");

        // It can be resumed there, within another budget, and cancelled again.
        await browser.UntilAsync("document.getElementById('budget')");
        await browser.RunAsync("document.getElementById('budget').value = '2.5'");
        await browser.RunAsync("document.getElementById('budget').form.requestSubmit()");
        await browser.UntilAsync("document.getElementById('reason')");
        using var run = await service.Http.GetAsync($"/runs/{id}", TestContext.Current.CancellationToken);
        var view = JsonDocument.Parse(await run.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(2.5, view.RootElement.GetProperty("budgetUsd").GetDouble());
        using var cancel = await service.Http.PostAsync(
            $"/runs/{id}/cancel", null, TestContext.Current.CancellationToken);
        Assert.True(cancel.IsSuccessStatusCode);
        await service.ReportAsync(id);
    }

    /// <summary>By axe-core from npm: contrast in the light and the dark, names, roles, the keyboard's reach.</summary>
    [Fact]
    public async Task Pages_InTheLightAndTheDark_HaveNoBarriers()
    {
        await using var browser = await Browser.StartAsync();
        var axe = await AxeAsync();
        var id = await service.StartAsync(service.Request(
            """{"zones": {"us-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""", steps: 4));
        await service.ReportAsync(id);
        foreach (var (scheme, language, width) in new[] { ("light", "en", 1200), ("dark", "ko", 400) })
        {
            await browser.PreferAsync(scheme, language, width);
            foreach (var (path, until) in new[]
            {
                ("/#/", "document.querySelector('tbody tr')"), ($"/#/runs/{id}", "document.querySelector('svg')"),
                ("/#/zones", "document.getElementById('forget-all')"), ("/#/start", Drawn),
                ($"/runs/{id}/report.html", "document.querySelector('h1')"),
            })
            {
                await browser.OpenAsync(At(path), until);
                await browser.RunAsync(axe);
                Assert.Equal("[]", await browser.TextAsync(
                    "axe.run().then(result => JSON.stringify(result.violations.map(each => "
                    + $"['{scheme}', '{path}', each.id, each.nodes[0].html])))"));

                // Wide content scrolls in its own frame, not the page.
                Assert.Equal($"{path} fits", await browser.TextAsync(
                    "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                    + $" ? '{path} fits' : document.documentElement.scrollWidth + ' points'"));
            }
        }
    }

    private Uri At(string path) => new(service.Http.BaseAddress!, path);

    private static async Task<string> AxeAsync()
    {
        Command.Require("npm", "It brings axe-core, which checks the pages.");
        using var folder = new TemporaryFolder("axe-");
        var (exitCode, _, error) = await Command.RunAsync("npm", ["pack", Axe, "--silent"], folder: folder.Path);
        Skipped.Unless(exitCode == 0, $"{Axe} cannot be fetched: {error.Split('\n')[0]}");
        await using var packed = File.OpenRead(Directory.GetFiles(folder.Path, "*.tgz").Single());
        await using var plain = new GZipStream(packed, CompressionMode.Decompress);
        await TarFile.ExtractToDirectoryAsync(
            plain, folder.Path, overwriteFiles: false, TestContext.Current.CancellationToken);
        return await File.ReadAllTextAsync(
            folder["package/axe.min.js"], TestContext.Current.CancellationToken);
    }
}
