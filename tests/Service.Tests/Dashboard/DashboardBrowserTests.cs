using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>The dashboard in a browser, with a run whose texts are hostile.</summary>
public sealed class DashboardBrowserTests(RunningService service) : IClassFixture<RunningService>
{
    private static readonly string[] Programs = ["chromium", "chromium-browser", "google-chrome"];

    private const string Hostile = "<img src=x onerror=\"document.title='broken'\"> 악성 & 이름";

    [Fact]
    public async Task Pages_OfAFinishedRun_ShowItAsTextInBothLanguages()
    {
        var chromium = Array.Find(Programs, Command.IsInstalled);
        Skipped.Unless(chromium is not null, "No Chromium is on the PATH.");
        var request = service.Request(steps: 4);
        request["name"] = Hostile;
        var id = await service.StartAsync(request);
        await service.ReportAsync(id);

        var list = await DomAsync(chromium!, "/", "en");
        Assert.Contains("&lt;img src=x", list, StringComparison.Ordinal);
        Assert.DoesNotContain("<title>broken", list, StringComparison.Ordinal);
        Assert.Contains(">succeeded<", list, StringComparison.Ordinal);

        var run = await DomAsync(chromium!, $"/#/runs/{id}", "ko");
        Assert.Contains("<html lang=\"ko\"", run, StringComparison.Ordinal);
        Assert.Contains(">성공<", run, StringComparison.Ordinal);
        Assert.Contains("&lt;img src=x", run, StringComparison.Ordinal);
        Assert.Contains("<polyline", run, StringComparison.Ordinal);
        Assert.Contains("us-west4-a", run, StringComparison.Ordinal);
        Assert.Contains($"/runs/{id}/report.html", run, StringComparison.Ordinal);
        Assert.Contains("판정", run, StringComparison.Ordinal);

        Assert.Contains(
            "There is no run", await DomAsync(chromium!, "/#/runs/nobody", "en"), StringComparison.Ordinal);
        Assert.Contains("<textarea", await DomAsync(chromium!, "/#/start", "ko"), StringComparison.Ordinal);
        Assert.Contains(
            "No refusal is remembered", await DomAsync(chromium!, "/#/zones", "en"), StringComparison.Ordinal);
    }

    private async Task<string> DomAsync(string chromium, string path, string language)
    {
        using var profile = new TemporaryFolder("chromium-");
        var (exitCode, output, error) = await Command.RunAsync(
            chromium,
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", $"--user-data-dir={profile.Path}",
                $"--lang={language}", $"--accept-lang={language}", "--timeout=15000", "--virtual-time-budget=6000",
                "--dump-dom", new Uri(service.Http.BaseAddress!, path).ToString(),
            ]);
        Assert.True(exitCode == 0, error);
        return output;
    }
}
