namespace Workflows.TestKit;

/// <summary>Waits for what another thread or process does.</summary>
public static class Eventually
{
    /// <summary>Only what hangs takes this long.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not within two minutes.</exception>
    public static Task TrueAsync(Func<bool> condition) => TrueAsync(() => Task.FromResult(condition()));

    /// <inheritdoc cref="TrueAsync(Func{bool})" />
    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(begun) > Deadline)
            {
                throw new TimeoutException($"It did not happen within {Deadline.TotalMinutes} minutes.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }
}
