using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Shows a run while it is under way.</summary>
internal interface IRunDisplay
{
    /// <summary>Shows the run until the work is done.</summary>
    /// <param name="work">Follows the run and calls back with news.</param>
    public Task RunAsync(Func<Action<RunView, IReadOnlyList<RunEvent>>, Task> work);

    /// <summary>Shows a message that is not about the run, such as a service that does not answer.</summary>
    /// <param name="text">One line.</param>
    public void Notice(string text);
}
