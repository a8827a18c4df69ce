namespace Workflows.TestKit;

/// <summary>Runs a test over many random inputs; a failure tells the seed that repeats it.</summary>
public static class Seeds
{
    private const string Variable = "WORKFLOWS_SEED";

    /// <summary>Runs a test once for each seed from 1; with WORKFLOWS_SEED set, for that one alone.</summary>
    /// <param name="count">How many seeds, at least 1.</param>
    /// <param name="test">The test, which draws all that is random from what it is given.</param>
    /// <exception cref="InvalidOperationException">The test failed; the message begins with the seed.</exception>
    public static void Try(int count, Action<Random> test)
    {
        ArgumentNullException.ThrowIfNull(test);
        foreach (var seed in Of(count))
        {
            try
            {
                test(new Random(seed));
            }
            catch (Exception exception)
            {
                throw Failed(seed, exception);
            }
        }
    }

    /// <summary>As <see cref="Try"/>, of a test that waits.</summary>
    /// <param name="count">How many seeds, at least 1.</param>
    /// <param name="test">The test.</param>
    /// <returns>A task that ends with the last seed.</returns>
    /// <exception cref="InvalidOperationException">The test failed; the message begins with the seed.</exception>
    public static async Task TryAsync(int count, Func<Random, Task> test)
    {
        ArgumentNullException.ThrowIfNull(test);
        foreach (var seed in Of(count))
        {
            try
            {
                await test(new Random(seed)).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                throw Failed(seed, exception);
            }
        }
    }

    private static IEnumerable<int> Of(int count) =>
        int.TryParse(Environment.GetEnvironmentVariable(Variable), out var seed) ? [seed] : Enumerable.Range(1, count);

    private static InvalidOperationException Failed(int seed, Exception exception) =>
        new($"Seed {seed} ({Variable}={seed} repeats it alone): {exception.Message}", exception);
}
