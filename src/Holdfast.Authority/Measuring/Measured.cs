namespace Holdfast.Authority.Measuring;

/// <summary>What a rehearsal on a sample came to.</summary>
/// <param name="Volume">How much was worked on, in what the work counts.</param>
/// <param name="Worked">How long that took, rests not counted.</param>
/// <param name="Threads">How many at once; 0 if that does not matter.</param>
/// <param name="Subject">With what, as the work's actuals say.</param>
/// <param name="Detail">The same for people.</param>
internal sealed record Measured(long Volume, TimeSpan Worked, int Threads, string Subject, string Detail);
