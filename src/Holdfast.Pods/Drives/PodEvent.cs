namespace Holdfast.Pods.Drives;

/// <summary>Something the operator should know of a pod: when, a stable kind, and what happened.</summary>
public sealed record PodEvent(DateTimeOffset At, string Kind, string Message);
