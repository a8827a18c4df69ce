using System.ComponentModel;
using System.Diagnostics;
using Xunit;

namespace Workflows.TestKit;

/// <summary>Runs programs that are installed on the machine.</summary>
public static class Command
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    /// <summary>Skips the running test if a program is missing.</summary>
    /// <param name="program">Its file name.</param>
    /// <param name="how">How to install it.</param>
    public static void Require(string program, string how) =>
        Skipped.Unless(IsInstalled(program), $"'{program}' is not on the PATH. {how}");

    /// <summary>Looks a program up in the folders of PATH.</summary>
    /// <param name="program">Its file name.</param>
    /// <returns>True if one of them has it.</returns>
    public static bool IsInstalled(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>Runs a program to its end; after six minutes, or when the test is cancelled, kills it.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables that it gets besides this process's own.</param>
    /// <param name="folder">The folder to run it in; null is the checkout's root.</param>
    /// <returns>Its exit code and what it wrote.</returns>
    /// <exception cref="OperationCanceledException">It was killed.</exception>
    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? Checkout.Root,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"'{program}' did not start.");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        stop.CancelAfter(Limit);
        try
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(stop.Token);
            var error = process.StandardError.ReadToEndAsync(stop.Token);
            await process.WaitForExitAsync(stop.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            Kill(process);
            throw;
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It has ended by itself meanwhile.
        }
    }
}
