using System.Net.Http.Json;
using System.Text.Json;

namespace Workflows.EndToEnd.Tests;

/// <summary>Waits of tests that have a service as a program of its own. Only what hangs takes the limits.</summary>
internal static class ServiceWaits
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10), Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Starts a service, and returns when it listens.</summary>
    /// <param name="address">The address of its API.</param>
    /// <param name="state">Its state folder.</param>
    /// <param name="settings">Further arguments.</param>
    public static async Task<ProgramRun> StartServiceAsync(string address, string state, params string[] settings)
    {
        var service = ProgramRun.Start(
            "Workflows.Service", ["--urls", address, $"--Workflows:StateDirectory={state}", .. settings]);
        try
        {
            await service.SaysAsync("Application started", Limit);
            return service;
        }
        catch
        {
            service.Dispose();
            throw;
        }
    }

    /// <summary>Looks at a run until it is as it should be.</summary>
    /// <param name="http">A client of the service.</param>
    /// <param name="id">The run.</param>
    /// <param name="condition">How it should be.</param>
    /// <param name="said">What to show of a run that ends before, or never gets there; null for the run alone.</param>
    public static async Task UntilAsync(
        HttpClient http, string id, Func<JsonElement, bool> condition, Func<string>? said = null)
    {
        var deadline = TimeProvider.System.GetUtcNow() + Limit;
        while (true)
        {
            var run = await http.GetFromJsonAsync<JsonElement>($"/runs/{id}");
            if (condition(run))
            {
                return;
            }

            Assert.True(
                TimeProvider.System.GetUtcNow() < deadline && !HasEnded(run),
                $"The run ended before, or it never came: {run}\n{said?.Invoke()}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Returns whether a run has ended.</summary>
    public static bool HasEnded(JsonElement run) => run.GetProperty("hasEnded").GetBoolean();
}
