using Workflows.TestKit;

namespace Workflows.EndToEnd.Tests;

/// <summary>Keys from the command to a service that runs: made, used, listed, revoked.</summary>
[Collection("programs")]
public sealed class KeysCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);
    private readonly TemporaryFolder _folder = new("workflows-e2e-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);
    private readonly string _state;

    public KeysCommandTests() => _state = _folder["state"];

    public void Dispose()
    {
        _ports.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Keys_OfARunningService_LetTheCommandInUntilTheyAreRevoked()
    {
        using var service = ProgramRun.Start(
            "Workflows.Service", "--urls", $"http://127.0.0.1:{_ports.Number}", $"--Workflows:StateDirectory={_state}",
            "--Workflows:Access:Authentication=true");
        await service.SaysAsync("Runs: ", Deadline);
        await service.SaysAsync("There is no key", Deadline);

        var (code, key, told) = await RunAsync("keys", "make", "laptop", "--role", "runner", "--expires", "90d");
        Assert.Equal(0, code);
        Assert.Matches(@"^wfk_[0-9a-f]{12}_[0-9a-f]{64}\n$", key);
        Assert.Contains("'laptop' has the role runner, valid until", told, StringComparison.Ordinal);
        var file = _folder.Write("key.txt", key);

        Assert.Equal((1, true), Of(await RunAsync("list"), "This needs an API key"));
        Assert.Equal((0, true), Of(await RunAsync("list", "--key-file", file), ""));
        Assert.Equal((1, true), Of(await RunAsync("zones", "--forget", "all", "--key-file", file), "role 'admin'"));

        var (_, list, _) = await RunAsync("keys", "list");
        Assert.Contains("laptop", list, StringComparison.Ordinal);
        Assert.DoesNotContain(key.Trim()[17..], list, StringComparison.Ordinal);

        Assert.Equal(0, (await RunAsync("keys", "revoke", "laptop")).Code);
        Assert.Equal((1, true), Of(await RunAsync("list", "--key-file", file), "was revoked"));
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli([.. arguments, "--state", _state]);
        return (await run.EndAsync(Deadline), run.Output, run.Error);
    }

    private static (int Code, bool HasWords) Of((int Code, string Output, string Error) run, string words) =>
        (run.Code, (run.Output + run.Error).Contains(words, StringComparison.Ordinal));
}
