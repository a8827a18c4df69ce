using System.Net.Http.Json;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The exit code tells a supervisor whether to start the service again.</summary>
public sealed class ServiceExitTests
{
    [Fact]
    public async Task Program_DatabaseMovedWhileItRuns_EndsWithAFailureAndSaysWhatToDo()
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Other systems do not let an open file be moved.");
        using var folder = new TemporaryFolder("workflows-test-");
        using var ports = ReservedPort.Take(3);
        var address = $"http://127.0.0.1:{ports.Number}";
        var running = Command.RunAsync(
            "dotnet", [ServiceProgram.Path, "--urls", address, $"--Workflows:StateDirectory={folder.Path}"]);
        using var http = new HttpClient { BaseAddress = new Uri(address) };
        await UntilHealthyAsync(http, running);

        var database = Path.Combine(folder.Path, "engine", "taskhub.db");
        File.Move(database, database + ".moved");
        using var answer = await http.PostAsJsonAsync("/runs", new
        {
            direction = "ko-en",
            model = Checkout.PathOf("samples", "tiny-gemma3"),
            data = new { train = Checkout.PathOf("samples", "ko-en.train.tsv") },
            tpu = new { acceleratorTypes = new[] { "v5litepod-8" } },
            rehearsal = new { },
        });
        var (exitCode, _, error) = await running;

        Assert.False(answer.IsSuccessStatusCode, "A start was acknowledged that is on no disk.");
        Assert.Equal(3, exitCode);
        Assert.Contains("it was moved, deleted or replaced while it was open", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", 0)]
    [InlineData("-h", 0)]
    [InlineData("help", 2)]
    [InlineData("start", 2)]
    public async Task Program_AskedForHelpOrAWordThatIsNoOption_EndsWithoutListening(string argument, int expected)
    {
        using var folder = new TemporaryFolder("workflows-test-");
        var (exitCode, output, error) = await Command.RunAsync(
            "dotnet", [ServiceProgram.Path, argument, $"--Workflows:StateDirectory={folder.Path}"]);

        Assert.Equal(expected, exitCode);
        Assert.Contains("--", output + error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    private static async Task UntilHealthyAsync(HttpClient http, Task running)
    {
        while (!running.IsCompleted)
        {
            try
            {
                using var health = await http.GetAsync("/healthz");
                if (health.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }
}
