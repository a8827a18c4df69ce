using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Shows a run while it goes on.</summary>
internal interface IRunDisplay
{
    /// <summary>Shows until the work is done.</summary>
    /// <param name="work">Follows the run and calls back with what is new.</param>
    public Task RunAsync(Func<Action<RunView, IReadOnlyList<RunEvent>>, Task> work);

    /// <summary>Says something that is not of the run, such as a service that does not answer.</summary>
    /// <param name="text">One line.</param>
    public void Notice(string text);
}
