namespace Workflows.TpuWorker.Compile;

/// <summary>A program cannot be compiled as asked; the message names the option and the fix.</summary>
public sealed class CompileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Cause and fix in words.</param>
    /// <param name="inner">The cause.</param>
    public CompileException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
